"""`python -m grisq`, also for `accelerate launch -m grisq train`."""

from grisq.cli.main import main

if __name__ == "__main__":
    main()
