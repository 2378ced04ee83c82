"""Train the embedded detector again."""

from harness.reference.recipe import main

if __name__ == "__main__":
    main()
