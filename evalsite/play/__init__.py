"""What a trained generator can do, in the browser: arithmetic with codes, walks, and translations."""
