package nachet

import (
	"errors"
	"net/http"

	"granary/internal/platform/fault"
	"granary/internal/platform/identity"
)

// getUserID answers who the caller is: the cookie's e-mail, else in the local
// environment the body's, else the configured fallback.
func (d *Door) getUserID(w http.ResponseWriter, r *http.Request) {
	email, err := d.callerEmail(r)
	shown := email
	if shown == "" {
		shown = "None"
	}
	what := "retrieving user id for email " + shown
	if err != nil {
		d.refuse(w, r, what, err)
		return
	}
	user, err := d.users.UserByEmail(r.Context(), email)
	if fault.Is(err, fault.NotFound) && d.cfg.ProvisionUsers {
		user, err = d.vision.CreateAccount(r.Context(), identity.NewUser{Email: email})
		if fault.Is(err, fault.Conflict) { // two first visits at once
			user, err = d.users.UserByEmail(r.Context(), email)
		}
	}
	switch {
	case fault.Is(err, fault.NotFound), err == nil && user.Disabled:
		d.refuse(w, r, what, storeError(fault.New(fault.NotFound, "user not found"), "User not found"))
	case err != nil:
		d.refuse(w, r, what, err)
	default:
		writeJSON(w, http.StatusOK, map[string]string{"user_id": user.ID})
	}
}

// callerEmail finds the e-mail. The body must be JSON even when the cookie
// decides, as in the original.
func (d *Door) callerEmail(r *http.Request) (string, error) {
	email, present, err := d.users.VouchEmail(r)
	if present && err != nil {
		return "", cookieError(err)
	}
	in, release, err := d.read(r)
	if err != nil {
		return "", err
	}
	defer release()
	var args struct {
		Email string `json:"email"`
	}
	if err := in.decode(&args); err != nil {
		return "", err
	}
	if present {
		return email, nil
	}
	if p, ok := identity.From(r.Context()); ok && p.Email != "" {
		return p.Email, nil // signed in to the console on the same address
	}
	if d.cfg.Local && args.Email != "" {
		return args.Email, nil
	}
	if d.cfg.FallbackEmail != "" {
		return d.cfg.FallbackEmail, nil
	}
	return "", storeError(fault.New(fault.Unauthenticated, "no cookie"), "User not found")
}

// cookieError words what is wrong with the cookie as the original does.
func cookieError(err error) error {
	switch {
	case errors.Is(err, identity.ErrVouchNoClaims):
		return apiError("'CustomClaims'")
	case errors.Is(err, identity.ErrVouchNoEmail):
		return apiError("'email'")
	case errors.Is(err, identity.ErrVouchNotBase64):
		return apiError("Incorrect padding")
	}
	return &wireError{unhandled, "", err}
}
