"""One look at annotations: what is certain is mended, what is not is named and counted."""
