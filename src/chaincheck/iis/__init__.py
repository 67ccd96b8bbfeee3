"""The server's side: what IIS, http.sys and Schannel show, and what it means."""
