"""From a feed's state and what its poll brought to what is written of it and when it is asked next. Pure."""
