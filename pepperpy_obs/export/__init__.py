"""Export: what was counted, in the forms in which others come for it."""
