"""The arguments with which a foreign checkpoint's network was built, from its keys and shapes."""
