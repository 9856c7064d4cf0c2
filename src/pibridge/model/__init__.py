"""The words that all rooms share. Pure: values only, no file, socket, clock or event loop."""
