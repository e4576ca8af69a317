// Package config is the one place that reads configuration. It owns the
// typed Config, the order in which sources win, the checks on every value and
// the memory of where each value came from. It opens nothing that a value
// names (databases, keys, certificates), and no package but the composition
// root imports it: that one translates sections into each package's own
// Config.
//
//	defaults (struct tags)
//	   ▲ NACHET_* variables, in .env or the environment   legacy.go
//	   ▲ granary.yaml                                     layer.go
//	   ▲ GRANARY_* variables, in .env or the environment
//	   ▲ command line flags
//	   └─► decode ─► derived defaults ─► Validate ─► *Config + Origins
//
// The tags of the struct fields are the single source of the key names, the
// defaults, the checks, the meaning of `granary config show` and the manual
// page docs/configuration.md:
//
//	yaml     the key
//	default  its value when no source sets it
//	desc     what it means, for the manual
//	enum     the values allowed
//	min, max the bounds of a number, size or duration
//	secret   "true" masks the value, "url" masks the credentials inside it;
//	         either adds KEY_file, which names a file that holds the value
package config

//go:generate go run granary/internal/platform/config/configdoc ../../../docs/configuration.md
