"""All that speaks Greengrass IPC. Loaded only where the configuration asks for it."""
