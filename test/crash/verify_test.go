package crash_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"granary/test/harness"
)

// verify holds the server against every client's memory. With whole, every
// picture's bytes are read; otherwise those that are new since the last time.
func (c *crew) verify(t *testing.T, base string, whole bool) {
	t.Helper()
	v := &verifier{t: t, client: harness.NewClient(base, ""), user: c.user, whole: whole}
	v.list()
	for _, w := range c.workers {
		for _, f := range w.folders {
			v.folder(f)
		}
		w.forget()
	}
}

type line struct {
	ID        string `json:"picture_id"`
	Inferred  bool   `json:"inference_exist"`
	Validated bool   `json:"is_validated"`
}

type verifier struct {
	t      *testing.T
	client *harness.Client
	user   string
	whole  bool
	listed map[string][]line // by folder
}

func (v *verifier) list() {
	v.t.Helper()
	var answer struct {
		Folders []struct {
			ID       string `json:"picture_set_id"`
			Pictures []line `json:"pictures"`
		} `json:"folders"`
	}
	v.client.Post(v.t, "/get-directories", map[string]any{"container_name": v.user}).OK(v.t, &answer)
	v.listed = map[string][]line{}
	for _, f := range answer.Folders {
		v.listed[f.ID] = f.Pictures
	}
}

func (v *verifier) folder(f *folder) {
	v.t.Helper()
	lines, there := v.listed[f.id]
	switch {
	case f.fate == gone:
		if there {
			v.t.Errorf("folder %s is there, its deletion was acknowledged", f.id)
		}
		v.absent(f)
		return
	case f.deleting && !there: // it happened, and nobody heard of it
		f.fate, f.deleting = gone, false
		v.absent(f)
		return
	case !there:
		v.t.Errorf("folder %s is gone, its creation was acknowledged", f.id)
		return
	}
	f.deleting = false
	seen := map[string]bool{}
	for _, l := range lines {
		seen[l.ID] = true
		v.line(f, l)
	}
	for id := range f.pictures {
		if !seen[id] {
			v.t.Errorf("picture %s of folder %s is gone, it was acknowledged", id, f.id)
		}
	}
	for sum, acknowledged := range f.uploads {
		if acknowledged {
			v.t.Errorf("the file %s of batch %s is gone, it was acknowledged", sum, f.id)
		}
	}
	clear(f.uploads) // what was in flight did not happen
}

// absent checks that pictures of a deleted folder cannot be had.
func (v *verifier) absent(f *folder) {
	v.t.Helper()
	for id := range f.pictures {
		if answer := v.get(id); answer.Status == http.StatusOK {
			v.t.Errorf("picture %s can be had, its folder %s was deleted", id, f.id)
		}
		if !v.whole {
			return // one stands for all
		}
	}
}

func (v *verifier) get(id string) harness.Answer {
	v.t.Helper()
	return v.client.Post(v.t, "/get-picture", map[string]any{"container_name": v.user, "picture_id": id})
}

// line checks one picture that the server lists.
func (v *verifier) line(f *folder, l line) {
	v.t.Helper()
	if l.Inferred == f.batch {
		v.t.Errorf("picture %s: inference_exist = %t, want %t: it is there by half", l.ID, l.Inferred, !f.batch)
	}
	if f.batch && !l.Validated {
		v.t.Errorf("picture %s of a batch: is_validated = false, want true", l.ID)
	}
	p, known := f.pictures[l.ID]
	if known && !p.fresh && !v.whole {
		return
	}
	var answer struct {
		Image     string     `json:"image"`
		Inference *inference `json:"inference"`
	}
	if got := v.get(l.ID); got.Status != http.StatusOK || json.Unmarshal(got.Body, &answer) != nil {
		v.t.Errorf("picture %s is listed and answers %d %s", l.ID, got.Status, got.Short())
		return
	}
	_, text, _ := strings.Cut(answer.Image, ",")
	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		v.t.Errorf("picture %s: %v", l.ID, err)
		return
	}
	sum := digest(data)
	if !known {
		// An upload of a batch, or a classification that was in flight.
		if _, sent := f.uploads[sum]; !sent {
			v.t.Errorf("picture %s of folder %s was never sent", l.ID, f.id)
			return
		}
		delete(f.uploads, sum)
		p = &picture{id: l.ID, digest: sum, confirmed: gone}
		if answer.Inference != nil && len(answer.Inference.Boxes) == 1 {
			p.inference, p.box = answer.Inference.ID, answer.Inference.Boxes[0].ID
		}
		f.pictures[l.ID] = p
	}
	if sum != p.digest {
		v.t.Errorf("picture %s has the bytes %s, want %s", l.ID, sum, p.digest)
	}
	p.fresh = false
	if f.batch {
		return
	}
	v.inference(p, l, answer.Inference)
}

// inference checks what was found in a picture and said of it.
func (v *verifier) inference(p *picture, l line, got *inference) {
	v.t.Helper()
	if got == nil || got.ID != p.inference || len(got.Boxes) != 1 || got.Boxes[0].ID != p.box {
		v.t.Errorf("picture %s has the inference %+v, want %s with box %s", p.id, got, p.inference, p.box)
		return
	}
	verified := got.Boxes[0].Verified
	switch {
	case p.confirmed == exists && !verified:
		v.t.Errorf("picture %s: is_verified = false, its confirmation was acknowledged", p.id)
	case p.confirmed == gone && verified:
		v.t.Errorf("picture %s: is_verified = true, nobody confirmed it", p.id)
	case p.confirmed == asked:
		if p.confirmed = gone; verified {
			p.confirmed = exists
		}
	}
	if verified != l.Validated {
		v.t.Errorf("picture %s: is_validated = %t, its only box: is_verified = %t", p.id, l.Validated, verified)
	}
}
