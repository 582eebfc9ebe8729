"""Values as bytes and back: codecs, files, and the classes and sources that reading them needs."""
