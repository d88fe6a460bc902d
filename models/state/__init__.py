"""Reading a simulator's state off its pictures: a tile classifier, and the captions that follow from what it reads."""
