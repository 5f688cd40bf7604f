"""What every door over HTTP shares: middleware, authentication, limits, paging, uploads, problem documents."""
