"""All that speaks PI Web API as a client."""
