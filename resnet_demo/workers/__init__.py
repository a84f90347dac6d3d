"""Who does it: the process that trains a run, who starts it, and what it tells about itself."""
