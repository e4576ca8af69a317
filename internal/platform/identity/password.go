package identity

import (
	_ "embed"
	"strings"
	"unicode/utf8"

	"granary/internal/platform/fault"
)

// The length of a password in characters. There are no composition rules
// (NIST SP 800-63B, section 3.1.1.2).
const (
	minPassword = 10
	maxPassword = 128
)

//go:embed common_passwords.txt
var commonPasswords string

// checkPassword refuses what is too short, too long, or among the first
// things that anybody would try. Errors: Invalid.
func checkPassword(password, email string) error {
	length := utf8.RuneCountInString(password)
	switch {
	case !utf8.ValidString(password):
		return fault.New(fault.Invalid, "the password is not valid text")
	case length < minPassword:
		return fault.New(fault.Invalid, "the password needs at least %d characters", minPassword)
	case length > maxPassword:
		return fault.New(fault.Invalid, "the password may have at most %d characters", maxPassword)
	}
	lower := strings.ToLower(password)
	local, _, _ := strings.Cut(emailKey(email), "@")
	if lower == emailKey(email) || lower == local {
		return fault.New(fault.Invalid, "the password must not be the e-mail address")
	}
	first, _ := utf8.DecodeRuneInString(password)
	if strings.Trim(password, string(first)) == "" || isCommon(lower) {
		return fault.New(fault.Invalid, "this password is among the commonest ones; choose another")
	}
	return nil
}

func isCommon(lower string) bool {
	for line := range strings.Lines(commonPasswords) {
		if strings.TrimSpace(line) == lower {
			return true
		}
	}
	return false
}
