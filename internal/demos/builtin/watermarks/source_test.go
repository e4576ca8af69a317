package watermarks

import "testing"

func FuzzReadIndex(f *testing.F) {
	f.Add([]byte(`{"sources":{"a":{"name":"A"}},"images":[{"name":"1.jpg","source":"a","page":"3","id":7}],"flips":[null,"hflip"]}`))
	f.Add([]byte(`{"images":[{}],"flips":["rot45"]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		index, flips, err := readIndex(text)
		if err == nil && (len(index.Images) == 0 || len(flips) == 0) {
			t.Errorf("readIndex accepted a collection of %d pictures and %d flips", len(index.Images), len(flips))
		}
	})
}
