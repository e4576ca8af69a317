package demos

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestShape(t *testing.T) {
	t.Parallel()
	const regions = `{"dataset_url":"d","annotations":{"a@@m":[]},"results_url":[{"u":"x","doc_id":"u","result_url":"x"}],"error":[]}`
	const drawings = `{"dataset_url":"d","results_url":[{"doc_id":"u","result_url":"x"},{"doc_id":"v","result_url":"y"}],"error":["w"]}`
	tests := map[string]struct {
		compat            Compat
		app, output, want string
	}{
		"everybody":           {Compat{}, "regions", regions, regions},
		"no annotations":      {Compat{NoAnnotations: true}, "regions", regions, `{"dataset_url":"d","results_url":[{"u":"x","doc_id":"u","result_url":"x"}],"error":[]}`},
		"newer results":       {Compat{PlainResults: true}, "regions", regions, `{"dataset_url":"d","annotations":{"a@@m":[]},"results_url":[{"doc_id":"u","result_url":"x"}],"error":[]}`},
		"older vectorization": {Compat{OlderVectorization: true}, "vectorization", drawings, `{"u":"x","v":"y","error":["w"]}`},
		"another app":         {Compat{OlderVectorization: true}, "similarity", drawings, drawings},
		"not an object":       {Compat{NoAnnotations: true}, "echo", `[1]`, `[1]`},
		"one address":         {Compat{PlainResults: true}, "search", `{"results_url":"x"}`, `{"results_url":"x"}`},
	}
	for name, test := range tests {
		got, err := test.compat.shape(test.app, []byte(test.output))
		if diff := cmp.Diff(test.want, string(got)); diff != "" || err != nil {
			t.Errorf("%s: shape, %v (-want +got):\n%s", name, err, diff)
		}
	}
}

func TestMembersKeepTheirOrder(t *testing.T) {
	t.Parallel()
	const text = `{"b":1,"a":{"z":1,"y":2},"ü\"":null}`
	object, err := parseMembers([]byte(text))
	if err != nil || string(object.encode()) != text {
		t.Errorf("encode(parse) = %s, %v; want %s", object.encode(), err, text)
	}
	if got := string(object.without("a").encode()); got != `{"b":1,"ü\"":null}` {
		t.Errorf("without a = %s", got)
	}
	if got := string(members(nil).encode()); got != "{}" {
		t.Errorf("no members = %s", got)
	}
	for _, bad := range []string{"", "[]", `"a"`, `{"a":`, `{"a"}`, "null"} {
		if got, err := parseMembers([]byte(bad)); err == nil {
			t.Errorf("parseMembers(%q) = %v, want an error", bad, got)
		}
	}
}
