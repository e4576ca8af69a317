package clustering_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"granary/internal/demos/builtin/clustering"
	"granary/internal/demos/builtin/clustering/dti"
)

func TestParametersOfBothGenerations(t *testing.T) {
	t.Parallel()
	usual := dti.Transforms{Colour: true, Affine: true}
	for name, test := range map[string]struct {
		text string
		want clustering.Parameters
	}{
		"nothing": {`{}`, clustering.Parameters{Prototypes: 10, Transforms: usual, Value: -1, Empty: 0.2}},
		"null": {
			`{"n_prototypes": null, "background_option": null, "transformation_sequence": "", "empty_cluster_threshold": null}`,
			clustering.Parameters{Prototypes: 10, Transforms: usual, Value: -1, Empty: 0.2},
		},
		"texts": {
			`{"n_prototypes": 4, "background_option": "1_learn_bg", "transformation_sequence": "identity_color_affine_tps", "lr": "0.01", "source": 3}`,
			clustering.Parameters{Prototypes: 4, Transforms: dti.Transforms{Colour: true, Affine: true, Spline: true}, Background: clustering.Learned, Value: -1, Empty: 0.2},
		},
		"identity alone": {
			`{"transformation_sequence": "identity", "background_option": "3_learn_fg"}`,
			clustering.Parameters{Prototypes: 10, Background: clustering.Constant, Value: -1, Empty: 0.2},
		},
		"objects": {
			`{"background_option": {"use_sprites": true, "freeze": [false, true], "init": ["sample", "constant"], "value": [0.9, 0.5]},
			  "transformation_sequence": {"transforms": ["identity", "projective"], "iterations": 5, "n_batches": 3, "milestones": [1], "grid_size": 5},
			  "empty_cluster_threshold": "0.5"}`,
			clustering.Parameters{
				Prototypes: 10, Transforms: dti.Transforms{Projective: true}, Grid: 5, Background: clustering.Constant, Value: 0.5, Empty: 0.5,
				Layout: clustering.Nested,
			},
		},
		"objects as texts": {
			`{"background_option": "{\"use_sprites\": false}", "transformation_sequence": "{\"transforms\": \"identity_affine\"}"}`,
			clustering.Parameters{Prototypes: 10, Transforms: dti.Transforms{Affine: true}, Value: -1, Empty: 0.2, Layout: clustering.Nested},
		},
	} {
		got, err := clustering.ParseParameters([]byte(test.text))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestOddParametersAreRefused(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		``, `[]`, `{"n_prototypes": 0}`, `{"n_prototypes": 51}`, `{"background_option": "9_magic"}`, `{"background_option": 3}`,
		`{"background_option": {"use_sprites": true, "freeze": true, "value": 2}}`, `{"background_option": {"use_sprites": true, "freeze": "very"}}`,
		`{"transformation_sequence": "identity_melt"}`, `{"transformation_sequence": 7}`, `{"transformation_sequence": {"grid_size": 99}}`,
		`{"empty_cluster_threshold": -1}`, `{"empty_cluster_threshold": "NaN"}`,
	} {
		if p, err := clustering.ParseParameters([]byte(text)); err == nil {
			t.Errorf("ParseParameters(%s) = %+v, want an error", text, p)
		}
	}
}

func FuzzParseParameters(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"n_prototypes":3,"background_option":"2_const_bg","transformation_sequence":"identity_color_affine_projective_tps"}`,
		`{"background_option":{"use_sprites":true,"freeze":[false,true],"value":[0,1]},"transformation_sequence":{"transforms":["tps"],"grid_size":"8"}}`,
		`{"empty_cluster_threshold":"1e-3"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := clustering.ParseParameters(data)
		if err != nil {
			return
		}
		if p.Prototypes < 1 || p.Prototypes > dti.MaxPrototypes || p.Grid < 0 || p.Grid > dti.MaxGrid || !(p.Empty >= 0 && p.Empty <= 1) || !(p.Value >= -1 && p.Value <= 1) {
			t.Errorf("%s is read as %+v", data, p)
		}
	})
}
