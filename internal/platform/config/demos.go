package config

import "time"

// Demos configures the demos service.
type Demos struct {
	Apps       []string `yaml:"apps" default:"regions,similarity,vectorization,dticlustering,watermarks,search" desc:"The demo apps to run, built-in ones or folders below apps_folder."`
	AppsFolder string   `yaml:"apps_folder" desc:"Folder with the lab's own apps: each a folder with an app.yaml. One with a built-in app's name takes its place."`
	Folder     string   `yaml:"folder" desc:"Data folder of the apps: cached documents, models, reference collections. A folder of the original backend is read as it is. Default: demos in the data folder."`
	PublicURL  string   `yaml:"public_url" desc:"Start of every address that front ends are given. Default: the address of the start request."`
	Token      string   `yaml:"token" secret:"true" desc:"Token that every request of this door must carry (Authorization: Bearer, or the query parameter token). Empty: none, as existing front ends send none."`
	MaxBody    Bytes    `yaml:"max_body_bytes" default:"256MiB" min:"1MiB" desc:"Largest start request; lists of regions reach many mebibytes."`
	Accel      string   `yaml:"accel_prefix" desc:"Prefix of nginx's internal locations, such as /media: files are then handed to nginx (X-Accel-Redirect). Empty: Granary sends them."`
	Inherit    []string `yaml:"inherit" default:"HUGGING_FACE_HUB_TOKEN,HF_HOME,YOLO_CONFIG_DIR,TORCH_CUDA_ARCH_LIST,HTTP_PROXY,HTTPS_PROXY,NO_PROXY" desc:"Environment variables that workers get besides the basic ones."`
	// Environment and HuggingFaceToken reach every worker.
	Environment      []string      `yaml:"environment" desc:"Variables, NAME=value, that every worker gets."`
	HuggingFaceToken string        `yaml:"hugging_face_token" secret:"true" desc:"Token for model downloads; workers get it as HUGGING_FACE_HUB_TOKEN."`
	Workers          int           `yaml:"workers" default:"16" min:"1" max:"1024" desc:"Most worker processes at once, idle ones included."`
	Retention        time.Duration `yaml:"retention" default:"0s" min:"0s" desc:"How long ended tasks, their results and unused documents are kept; a nightly job removes what is older. 0s: for ever, until a front end clears them."`
	Callbacks        DemoCallbacks `yaml:"callbacks" desc:"What front ends are told."`
	Compat           DemoCompat    `yaml:"compat" desc:"For which generation of front ends outputs are shaped, where one answer does not serve all."`
	Fetch            DemoFetch     `yaml:"fetch" desc:"How documents are downloaded."`
}

// DemoCallbacks configures the callbacks to front ends.
type DemoCallbacks struct {
	Grace      time.Duration `yaml:"grace" default:"1s" min:"0s" desc:"How long after a start request the first callback leaves at the earliest. Front ends save their record only after the start call returned."`
	MaxBytes   Bytes         `yaml:"max_bytes" default:"25000000" min:"1KiB" desc:"Largest callback that front ends accept; inline annotations are left out of a larger one."`
	Timeout    time.Duration `yaml:"timeout" default:"15m" min:"1s" desc:"How long a front end may work before it answers: it downloads results meanwhile."`
	GiveUp     time.Duration `yaml:"give_up" default:"24h" min:"1s" desc:"How long a callback is tried again when the front end cannot be reached."`
	Secret     string        `yaml:"secret" secret:"true" desc:"Secret that signs callbacks (HMAC-SHA256). Empty: unsigned."`
	PublicOnly bool          `yaml:"public_only" default:"false" desc:"Refuse callbacks to loopback and private addresses."`
}

// DemoCompat shapes outputs.
type DemoCompat struct {
	ResultsURL         string `yaml:"results_url" default:"union" enum:"union,g2" desc:"Items of results_url: union names the document's uid as a member too, which front ends of the first generation read; g2 leaves it out."`
	InlineAnnotations  bool   `yaml:"inline_annotations" default:"true" desc:"Send annotations inside callbacks, as front ends of the first generation need them."`
	OlderVectorization bool   `yaml:"older_vectorization" default:"false" desc:"Answer vectorization as the first generation reads it. Newer front ends cannot read that."`
}

// DemoFetch configures the downloads of documents.
type DemoFetch struct {
	PublicOnly  bool          `yaml:"public_only" default:"false" desc:"Refuse documents at loopback and private addresses. Off, because front ends often run beside the server."`
	Except      []string      `yaml:"except" desc:"Networks (CIDR) that public_only lets through."`
	Pause       time.Duration `yaml:"pause" default:"50ms" min:"0s" desc:"Least time between two requests to one host."`
	Connections int           `yaml:"connections" default:"5" min:"1" max:"64" desc:"Most connections to one host."`
	Threads     int           `yaml:"threads" default:"20" min:"1" max:"256" desc:"Most pictures that are downloaded at once."`
	Attempts    int           `yaml:"attempts" default:"3" min:"1" max:"20" desc:"How often a request is made that fails in a way that may pass."`
	MaxSide     int           `yaml:"max_side" default:"2500" min:"100" max:"20000" desc:"Longest side that is asked of an IIIF server, in pixels."`
	MinSide     int           `yaml:"min_side" default:"1000" min:"50" max:"20000" desc:"Side that is asked of an IIIF server that refuses max_side."`
	Timeout     time.Duration `yaml:"timeout" default:"2m" min:"1s" desc:"Longest time for one picture or manifest."`
}
