"""`python -m pibridge` is the same as the `pibridge` command."""

from pibridge.cli import main

if __name__ == "__main__":
    main()
