"""The corpus: grammars, fact tables and texts for every use, in English and Chinese."""
