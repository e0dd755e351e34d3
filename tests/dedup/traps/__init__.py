"""Pairs of reports that fool matchers: look-alikes of different events, and one event in other words. Ours, made up."""
