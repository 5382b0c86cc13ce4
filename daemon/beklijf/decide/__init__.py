"""What would be done now, to whom and why. Pure: values in, a plan out."""
