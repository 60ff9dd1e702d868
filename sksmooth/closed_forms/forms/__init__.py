"""The closed forms, one kind of model a file."""

__all__: list[str] = []
