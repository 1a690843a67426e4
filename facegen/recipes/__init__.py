"""What files say of how they were made, read into checked values, and what they were made from."""
