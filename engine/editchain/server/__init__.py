"""The HTTP API: Scenario's prompt editing, and pipelines as an API, on the engine that every command uses."""
