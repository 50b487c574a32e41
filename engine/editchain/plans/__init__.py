"""From a checked Pipeline to a Plan: tasks, keys, reasons, prices. Pure."""
