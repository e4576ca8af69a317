package worker

import (
	"encoding/json"
	"testing"

	"granary/internal/platform/fault"
)

func TestParseReplyRefuses(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		what task
		text string
	}{
		{detect, `null`},
		{detect, `[]`},
		{detect, `{"pictures":[]}`},
		{detect, `{"pictures":[{}]}`},
		{detect, `{"pictures":[{"boxes":null}]}`},
		{detect, `{"pictures":[{"boxes":[{"box":[0,0,1]}]}]}`},
		{detect, `{"pictures":[{"boxes":[{"box":[0.5,0,0.1,1]}]}]}`},
		{detect, `{"pictures":[{"boxes":[{"box":[0,0,1e9,1]}]}]}`},
		{detect, `{"pictures":[{"boxes":[{"box":[0,0,1,1],"score":1.5}]}]}`},
		{detect, `{"pictures":[{"boxes":[{"box":[0,0,1,1],"guesses":[{"label":"a"}]}]}]}`},
		{classify, `{"pictures":[{"boxes":[]}]}`},
		{classify, `{"pictures":[{"guesses":[]}]}`},
		{classify, `{"pictures":[{"guesses":[{"label":"a","score":0.1},{"label":"b","score":0.2}]}]}`},
		{classify, `{"pictures":[{"guesses":[{"label":"","score":0.1}]}]}`},
		{classify, `{"pictures":[{"guesses":[{"label":"a","score":-1}]}]}`},
	} {
		if got, err := parseReply("m", tc.what, json.RawMessage(tc.text), 1); !fault.Is(err, fault.Invalid) {
			t.Errorf("parseReply(%s %s) = %v, %v, want kind invalid", tc.what, tc.text, got, err)
		}
	}
	got, err := parseReply("m", detect, json.RawMessage(`{"pictures":[{"boxes":[],"took":3}],"device":"cpu"}`), 1)
	if err != nil || len(got[0].detections()) != 0 {
		t.Errorf("parseReply(no boxes) = %v, %v, want a picture without objects", got, err)
	}
}

// FuzzReply wants every answer refused or in the bounds of an engine.
func FuzzReply(f *testing.F) {
	f.Add([]byte(`{"pictures":[{"boxes":[{"box":[0.1,0.2,0.5,0.6],"label":"seed","score":0.9,"guesses":[{"label":"a","score":1}]}]}]}`), true)
	f.Add([]byte(`{"pictures":[{"guesses":[{"label":"a","score":0.9},{"label":"b","score":0.1}]}]}`), false)
	f.Fuzz(func(t *testing.T, raw []byte, boxes bool) {
		what := classify
		if boxes {
			what = detect
		}
		got, err := parseReply("m", what, raw, 1)
		if err != nil {
			if !fault.Is(err, fault.Invalid) {
				t.Fatalf("parseReply() = %v, want kind invalid", err)
			}
			return
		}
		if !boxes {
			list := guesses(got[0].Guesses)
			if len(list) == 0 || !(list[0].Score >= 0 && list[0].Score <= 1) {
				t.Fatalf("guesses = %v", list)
			}
			return
		}
		for _, d := range got[0].detections() {
			if !(d.Box.TopX <= d.Box.BottomX && d.Box.TopY <= d.Box.BottomY && d.Score >= 0 && d.Score <= 1) {
				t.Fatalf("detections = %+v", d)
			}
		}
	})
}
