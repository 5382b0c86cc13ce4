"""The values that everything else speaks in: frozen, without clock, file or network."""
