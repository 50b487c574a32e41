"""How tasks are carried out: on this machine now, elsewhere later."""
