"""What meets other libraries: it emits calls, and knows nothing of how they are counted."""
