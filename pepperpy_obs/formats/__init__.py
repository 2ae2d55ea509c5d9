"""Events as lines, and lines read back: JSON, ECS, and what a person reads on a terminal."""
