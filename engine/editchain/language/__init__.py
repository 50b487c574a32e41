"""From the text of a pipeline to a checked Pipeline, or every problem in it."""
