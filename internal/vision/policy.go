package vision

import (
	"granary/internal/platform/fault"
	"granary/internal/platform/identity"
)

// action is what a caller wants to do with an owner's objects.
type action uint8

const (
	read   action = iota // look at pictures and results
	review               // judge boxes
	manage               // create, classify, upload, delete
)

// permit is the one decision about objects that belong to an account: owners
// do everything, stewards look and review, admins do everything.
func permit(p identity.Principal, want action, ownerID string) error {
	switch {
	case p.UserID == ownerID, p.Role == identity.Admin:
		return nil
	case p.Role == identity.Steward && want != manage:
		return nil
	default:
		return ErrNotOwner
	}
}

var errStewardOnly = fault.New(fault.Forbidden, "only a steward or an administrator may do this")

// permitSteward is the decision about what belongs to the whole lab: models
// and their training.
func permitSteward(p identity.Principal) error {
	if p.Role == identity.Steward || p.Role == identity.Admin {
		return nil
	}
	return errStewardOnly
}
