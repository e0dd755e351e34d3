"""A module that takes 3 s to load, for the sandbox's tests."""

import time

time.sleep(3)
