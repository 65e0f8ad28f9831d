"""One Report record, and what people see of it."""
