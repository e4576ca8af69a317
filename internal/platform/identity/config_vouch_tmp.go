package identity

// VouchConfig says how the cookie of a Vouch proxy is read.
type VouchConfig struct{}
