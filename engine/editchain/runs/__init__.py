"""From a Plan to a Run: when each task runs, how calls are bought, what is published and told."""
