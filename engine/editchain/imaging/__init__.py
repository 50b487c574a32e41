"""Pure functions on pictures, and their safe decoding and encoding; nothing is imported here."""
