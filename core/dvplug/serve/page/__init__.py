"""The pages of the service: made on the server, better with JavaScript, and asking nothing of the internet."""
