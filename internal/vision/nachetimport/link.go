package nachetimport

import (
	"net/url"
	"strings"

	"github.com/google/uuid"
)

// place is where a blob lies: its container and its name in two parts.
// folder is everything before the last slash, "" where there is none.
type place struct{ container, folder, name string }

// parseLink reads the link of a picture's row: "<folder>/<picture id>", or the
// whole address of the blob for batch pictures (specification, section 7.1).
// The container is empty when the link does not name one that belongs to a
// user.
func parseLink(link string) (place, bool) {
	link = strings.TrimSpace(link)
	if scheme, _, ok := strings.Cut(link, "://"); ok && (strings.EqualFold(scheme, "http") || strings.EqualFold(scheme, "https")) {
		address, err := url.Parse(link)
		if err != nil {
			return place{}, false
		}
		path := strings.TrimLeft(address.Path, "/")
		// An emulator's address has the account before the container.
		for rest := path; ; {
			first, tail, more := strings.Cut(rest, "/")
			if !more {
				return splitName("", path)
			}
			if _, ok := containerOwner(first); ok {
				return splitName(first, tail)
			}
			rest = tail
		}
	}
	return splitName("", strings.TrimLeft(link, "/"))
}

// splitName takes a blob's name apart at its last slash.
func splitName(container, path string) (place, bool) {
	i := strings.LastIndexByte(path, '/')
	p := place{container: container, name: path[i+1:]}
	if i > 0 {
		p.folder = path[:i]
	}
	return p, p.name != ""
}

// containerOwner returns the user of a container "<tier>-<user id>".
func containerOwner(container string) (string, bool) {
	const idLength = 36
	at := len(container) - idLength
	if at < 2 || container[at-1] != '-' {
		return "", false
	}
	return canonicalID(container[at:])
}

// canonicalID returns the id in the form of the database, if it is one.
func canonicalID(text string) (string, bool) {
	if len(text) != 36 {
		return "", false
	}
	id, err := uuid.Parse(text)
	if err != nil {
		return "", false
	}
	return id.String(), true
}
