"""What comes in from outside and goes out to it, within limits: time, sizes, files, secrets, words. Knows no meaning."""
