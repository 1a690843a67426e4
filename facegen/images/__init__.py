"""Photos in; pixels, sheets and animations out."""
