package pipeline

import (
	"encoding/base64"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/fernet/fernet-go"
	"github.com/google/go-cmp/cmp"

	"granary/internal/platform/fault"
	"granary/internal/vision/engine"
)

func testdata(t testing.TB, name string) string {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestReadLegacy(t *testing.T) {
	t.Parallel()
	got, err := Read([]byte(testdata(t, "legacy.json")), "")
	if err != nil {
		t.Fatalf("Read() = %v, want definitions", err)
	}
	swin := got[0]
	wantModel := Model{
		Name: "seed-detector-1", Version: "1", Engine: "azureml", Task: engine.ObjectDetection,
		Endpoint: "https://models.example/detector/score", APIKey: "plain-key-1", ContentType: "application/json",
		DeploymentHeader: "azureml-model-deployment", EndpointName: "seed-detector", Description: "finds seeds",
		CreatedBy: "Avery", CreationDate: "2024-03-18", JobName: "job", Dataset: "ds", Accuracy: 0.8,
	}
	if diff := cmp.Diff(wantModel, swin.Models[0]); diff != "" {
		t.Errorf("Read() first model (-want +got):\n%s", diff)
	}
	swin.Models = nil
	want := Definition{
		Name: "Swin transformer", Default: true, Version: "1", Description: "desc", CreatedBy: "Avery", CreationDate: "2024-03-18",
		JobName: "job", Dataset: "ds", Accuracy: 0.9,
		Steps: []Step{{Kind: StepDetect, Model: "seed-detector-1"}, {Kind: StepCrop}, {Kind: StepClassify, Model: "swinv1-base-dataaugv2-1", DropNumber: true}},
	}
	if diff := cmp.Diff(want, swin); diff != "" {
		t.Errorf("Read() first pipeline (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]Step{{Kind: StepDetect, Model: "m-14of15seeds-6seedsmag"}}, got[1].Steps); diff != "" {
		t.Errorf("Read() complete model (-want +got):\n%s", diff)
	}
	wantEnsemble := []Step{
		{Kind: StepDetect, Model: "seed-detector-1"},
		{Kind: StepCrop},
		{Kind: StepClassify, Model: "swin-27-spp"},
		{Kind: StepEnsemble, Model: "swin-15e-spp", Labels: []string{"012 Ambrosia artemisiifolia", "013 Ambrosia trifida", "014 Ambrosia psilostachya"}},
	}
	if diff := cmp.Diff(wantEnsemble, got[2].Steps); diff != "" {
		t.Errorf("Read() ensemble (-want +got):\n%s", diff)
	}
}

func TestReadLegacyRefuses(t *testing.T) {
	t.Parallel()
	legacy := testdata(t, "legacy.json")
	for _, tc := range []struct{ name, old, new, want string }{
		{"no default", `"default": true`, `"default": false`, noDefault},
		{"missing field", `"job_name": "job", "dataset_description": "ds",` + "\n" + `     "Accuracy"`, `"dataset_description": "ds", "Accuracy"`, "pipeline 1 has no job_name"},
		{"wrong type", `"created_by": "Avery"`, `"created_by": 7`, "the created_by of pipeline 1 must be text"},
		{"wrong default", `"default": true`, `"default": "yes"`, "the default of pipeline 1 must be true or false"},
		{"wrong accuracy", `"Accuracy": 0.9`, `"Accuracy": "high"`, "the accuracy of pipeline 1 must be a number"},
		{"no date", `"date": "2024-03-18",`, ``, "the file has no date"},
		{"unknown model", `["seed-detector-1", "swinv1-base-dataaugv2-1"]`, `["zzz"]`, `pipeline 1 names the unknown model "zzz"`},
		{"no models", `["seed-detector-1", "swinv1-base-dataaugv2-1"]`, `null`, "pipeline 1 has no models"},
		{"unknown task", `"task": "classification", "endpoint": "https://models.example/swin/score"`, `"task": "?", "endpoint": "x"`, ""},
		{"same name twice", `"6 Seeds Detector"`, `"Swin transformer"`, `two pipelines named "Swin transformer"`},
		{"broken token", `"plain-key-1"`, `"gAAAAnonsense"`, `the api_key of model "seed-detector-1" is encrypted and no decryption key is set`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			text := strings.Replace(legacy, tc.old, tc.new, 1)
			if text == legacy {
				t.Fatalf("the file does not contain %s", tc.old)
			}
			_, err := Read([]byte(text), "")
			if tc.want == "" { // the name decides before the task does
				if err != nil {
					t.Errorf("Read() = %v, want success", err)
				}
				return
			}
			if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("Read() = %v, want %q", err, tc.want)
			}
		})
	}
}

func TestRoleFallsBackOnTask(t *testing.T) {
	t.Parallel()
	detector := Model{Name: "x", Task: engine.ObjectDetection}
	for _, tc := range []struct {
		model        Model
		first, alone bool
		want         role
	}{
		{detector, true, true, completeRole},
		{detector, true, false, detectorRole},
		{detector, false, false, unknownRole},
		{Model{Task: engine.Classification}, false, false, classifierRole},
		{Model{Task: engine.Classification}, true, true, unknownRole},
		{Model{Name: "new", EndpointName: "swin-endpoint"}, false, false, classifierRole},
		{Model{Name: "swin-15e-spp", Task: engine.ObjectDetection}, true, true, ensembleBRole},
	} {
		if got := roleOf(tc.model, tc.first, tc.alone); got != tc.want {
			t.Errorf("roleOf(%+v, %t, %t) = %d, want %d", tc.model, tc.first, tc.alone, got, tc.want)
		}
	}
}

func TestReadDecryptsTokens(t *testing.T) {
	t.Parallel()
	var key, other fernet.Key
	if err := errors.Join(key.Generate(), other.Generate()); err != nil {
		t.Fatal(err)
	}
	encoded := func(k fernet.Key) string { return base64.URLEncoding.EncodeToString(k[:]) }
	// Made years ago: no age limit may apply.
	token, err := fernet.EncryptAndSignAtTime([]byte("the-key"), &key, time.Date(2019, 1, 1, 0, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	file := strings.Replace(testdata(t, "legacy.json"), `"plain-key-1"`, `"`+string(token)+`"`, 1)
	got, err := Read([]byte(file), encoded(key))
	if err != nil || got[0].Models[0].APIKey != "the-key" || got[0].Models[1].APIKey != "plain-key-2" {
		t.Errorf("Read() = %v, want the decrypted key beside the plain one", err)
	}
	damaged := strings.Replace(file, string(token[40:44]), "AAAA", 1)
	for name, tc := range map[string]struct{ file, key, want string }{
		"other key": {file, encoded(other), "cannot be decrypted"},
		"no key":    {file, "", "no decryption key is set"},
		"short key": {file, "abcd", "not base64url of 32 bytes"},
		"damaged":   {damaged, encoded(key), "cannot be decrypted"},
		"cut":       {strings.Replace(file, string(token), string(token[:20]), 1), encoded(key), "damaged token"},
	} {
		_, err := Read([]byte(tc.file), tc.key)
		if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), string(token[:20])) {
			t.Errorf("Read(%s) = %v, want %q and no token", name, err, tc.want)
		}
	}
}

func TestReadOwnForm(t *testing.T) {
	t.Parallel()
	got, err := Read([]byte(testdata(t, "own.yaml")), "")
	if err != nil {
		t.Fatalf("Read() = %v, want a definition", err)
	}
	ratio := 0.4
	want := []Definition{{
		Name: "Seeds at home", Default: true, Version: "2", CreationDate: "2026-03-18",
		Models: []Model{
			{Name: "finder", Version: "1", Engine: "builtin", Task: engine.ObjectDetection},
			{
				Name: "namer", Engine: "openinference", Task: engine.Classification, Endpoint: "http://127.0.0.1:8000",
				Timeout: Duration(5 * time.Second), Retries: -1, Concurrency: 4, Options: []byte(`{"input":{"height":224,"width":224},"labels":["a","b"]}`),
			},
		},
		Steps: []Step{
			{Kind: StepDetect, Model: "finder"},
			{Kind: StepCrop},
			{Kind: StepClassify, Model: "namer", DropNumber: true},
			{Kind: StepPostProcess, AreaRatio: &ratio},
		},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Read() (-want +got):\n%s", diff)
	}
	spec := got[0].Models[1].Spec()
	if spec.Timeout != 5*time.Second || spec.Retries != -1 || spec.Concurrency != 4 {
		t.Errorf("Spec() = %+v, want the values of the file", spec)
	}
}

func TestReadRefuses(t *testing.T) {
	t.Parallel()
	own := testdata(t, "own.yaml")
	replace := func(old, with string) string {
		if !strings.Contains(own, old) {
			t.Fatalf("the file does not contain %s", old)
		}
		return strings.Replace(own, old, with, 1)
	}
	for name, tc := range map[string]struct{ file, want string }{
		"empty":               {"", "neither JSON nor YAML"},
		"list":                {"[1]", "must be a mapping"},
		"unknown field":       {replace("default: true", "defalt: true"), "defalt"},
		"two documents":       {own + "\n---\na: 1\n", "more than one document"},
		"duplicate key":       {replace("default: true", "default: true\n    default: false"), "twice"},
		"no pipelines":        {"pipelines: []", "1 to 256 pipelines"},
		"duplicate JSON text": {`{"name":"x"} {"name":"y"}`, "more than one document"},
		"unknown model":       {replace("model: namer", "model: nobody"), `unknown model "nobody"`},
		"crop missing":        {replace("      - {kind: crop}\n", ""), "needs a crop step"},
		"unknown kind":        {replace("kind: crop", "kind: chop"), `unknown kind "chop"`},
		"late detect":         {replace("kind: crop", "kind: detect, model: finder"), "the first step, and no other, must be detect"},
		"bad ratio":           {replace("0.4", "4"), "between 0 and 1"},
		"bad timeout":         {replace("5s", "5h"), "timeout"},
		"labels on classify":  {replace("drop_number: true", "labels: [a]"), "takes no labels"},
		"ratio on crop":       {replace("kind: crop", "kind: crop, area_ratio: 0.5"), "takes no area_ratio"},
		"alias bomb":          {aliasBomb(), ""},
		"huge":                {strings.Repeat(" ", maxFileBytes+1), "more than"},
	} {
		_, err := Read([]byte(tc.file), "")
		if err == nil || fault.Of(err) == fault.Internal || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("Read(%s) = %v, want %q", name, err, tc.want)
		}
	}
}

func aliasBomb() string {
	var b strings.Builder
	b.WriteString("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n")
	for i := 1; i < 20; i++ {
		p, n := string(rune('a'+i-1)), string(rune('a'+i))
		if i == 1 {
			p = "a0"
		}
		b.WriteString(n + ": &" + n + " [" + strings.TrimSuffix(strings.Repeat("*"+p+",", 10), ",") + "]\n")
	}
	return b.String()
}

func TestMapSecretsLeavesTheOriginalAlone(t *testing.T) {
	t.Parallel()
	d := Definition{Models: []Model{{Name: "m", Endpoint: "e", APIKey: "k"}, {Name: "n"}}}
	got, err := d.MapSecrets(func(model, field, value string) (string, error) { return model + "/" + field + "/" + value, nil })
	if err != nil || got.Models[0].Endpoint != "m/endpoint/e" || got.Models[0].APIKey != "m/api_key/k" || got.Models[1].Endpoint != "" || d.Models[0].APIKey != "k" {
		t.Errorf("MapSecrets() = %+v, %v, want mapped copies", got, err)
	}
	if text := d.Models[0].LogValue().String(); strings.Contains(text, "k]") || strings.Contains(text, "endpoint") {
		t.Errorf("LogValue() = %s, want no secrets", text)
	}
}

// process is a pipeline whose model is a program.
const process = `
name: Our own
models:
  - name: finder
    engine: worker
    process:
      command: [python3, detect.py]
      dir: /opt/models
      env: {HF_TOKEN: canary}
      inherit: [HF_HOME]
      device: "1"
      memory_mib: 2048
      start_timeout: 90s
      noise: true
      processes: 2
      batch: 4
steps:
  - {kind: detect, model: finder}
`

func TestReadProcess(t *testing.T) {
	t.Parallel()
	got, err := Read([]byte(process), "")
	if err != nil {
		t.Fatalf("Read() = %v, want a definition", err)
	}
	want := &engine.Process{
		Command: []string{"python3", "detect.py"}, Dir: "/opt/models", Env: map[string]string{"HF_TOKEN": "canary"}, Inherit: []string{"HF_HOME"},
		Device: "1", Memory: 2 << 30, StartTimeout: 90 * time.Second, Noise: true, Processes: 2, Batch: 4,
	}
	if diff := cmp.Diff(want, got[0].Models[0].Spec().Process); diff != "" {
		t.Errorf("Spec() (-want +got):\n%s", diff)
	}
	for old, tc := range map[string]struct{ with, want string }{
		"engine: worker":                {"engine: azureml", "and to no other"},
		"command: [python3, detect.py]": {"command: []", "1 to 64 words"},
		"[python3, detect.py]":          {`["", detect.py]`, "1 to 64 words"},
		"dir: /opt/models":              {`dir: "/opt\0"`, "NUL"},
		"{HF_TOKEN: canary}":            {`{"A=B": c}`, "a variable's name"},
		"memory_mib: 2048":              {"memory_mib: -1", "memory_mib"},
		"start_timeout: 90s":            {"start_timeout: 5h", "start_timeout"},
		"processes: 2":                  {"processes: 17", "processes"},
		"batch: 4":                      {"batch: 65", "batch"},
		"noise: true":                   {"loud: true", "loud"},
	} {
		if !strings.Contains(process, old) {
			t.Fatalf("the file does not contain %s", old)
		}
		_, err := Read([]byte(strings.Replace(process, old, tc.with, 1)), "")
		if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "canary") {
			t.Errorf("Read(%s) = %v, want %q", tc.with, err, tc.want)
		}
	}
	if _, err := Read([]byte("name: x\nmodels: [{name: a, engine: worker}]\nsteps: [{kind: detect, model: a}]"), ""); !fault.Is(err, fault.Invalid) {
		t.Errorf("Read(worker without a process) = %v, want kind invalid", err)
	}
}

func TestProcessesAreSecret(t *testing.T) {
	t.Parallel()
	definitions, err := Read([]byte(process), "")
	if err != nil {
		t.Fatal(err)
	}
	places := map[string]string{}
	sealed, err := definitions[0].MapSecrets(func(_, field, value string) (string, error) {
		places[field] = value
		return "sealed", nil
	})
	want := map[string]string{
		"process.dir": "/opt/models", "process.command.0.of.2": "python3", "process.command.1.of.2": "detect.py", "process.env.HF_TOKEN": "canary",
	}
	if diff := cmp.Diff(want, places); diff != "" || err != nil {
		t.Errorf("MapSecrets() = %v, calls (-want +got):\n%s", err, diff)
	}
	if p := definitions[0].Models[0].Process; p.Command[0] != "python3" || p.Env["HF_TOKEN"] != "canary" || sealed.Models[0].Process.Command[1] != "sealed" {
		t.Errorf("MapSecrets() left %+v and %+v, want a mapped copy", p, sealed.Models[0].Process)
	}
	public := definitions[0].WithoutSecrets()
	if public.Models[0].Process != nil || definitions[0].Models[0].Process == nil || public.Models[0].Engine != "worker" {
		t.Errorf("WithoutSecrets() = %+v, want no process in a copy", public.Models[0])
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(testdata(f, "legacy.json")))
	f.Add([]byte(testdata(f, "own.yaml")))
	f.Add([]byte("{}"))
	f.Add([]byte("a: &a [*a]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := Read(data, "")
		if err != nil {
			if fault.Of(err) == fault.Internal {
				t.Errorf("Read() = %v, want an error with a kind", err)
			}
			return
		}
		for _, d := range got {
			if err := d.Validate(); err != nil {
				t.Errorf("Validate(Read()) = %v, want nil", err)
			}
		}
	})
}

func FuzzToken(f *testing.F) {
	key := base64.URLEncoding.EncodeToString(make([]byte, 32))
	f.Add("gAAAAABh", key)
	f.Add("plain", "")
	f.Add("gAAAAA"+strings.Repeat("A", 100), strings.Repeat("A", 43))
	f.Fuzz(func(t *testing.T, value, key string) {
		o, err := newOpener(key)
		if err != nil {
			return
		}
		got, err := o.value("m", "api_key", value)
		if err != nil && !fault.Is(err, fault.Invalid) {
			t.Errorf("value() = %v, want kind invalid", err)
		}
		if err == nil && strings.HasPrefix(strings.TrimSpace(got), tokenPrefix) && got == value {
			t.Errorf("value() let the token %q through", value)
		}
	})
}
