"""PI Bridge: from an AVEVA PI System to AWS, live, in context, nothing lost."""

__version__ = "0.1.0"
