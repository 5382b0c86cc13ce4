"""What a backend must do, as protocols with a glossary. Who fulfils them is in ``backends``."""
