"""The two stages as pure functions: `reading` (a body to outcomes) and `reporting` (an entry to messages).

They are two modules because the child processes that read bodies load only the first.
"""
