package config

import "time"

// Vision configures the vision service. The picture limits are checked from
// the file's header, before anything is decoded.
type Vision struct {
	MaxPixels    int64           `yaml:"max_pixels" default:"64000000" min:"1" desc:"Most pixels (width × height × frames) of a picture."`
	MaxFrames    int             `yaml:"max_frames" default:"16" min:"1" desc:"Most frames or pages of a picture."`
	MaxSide      int             `yaml:"max_side" default:"30000" min:"1" desc:"Longest side of a picture, in pixels."`
	MaxFileBytes Bytes           `yaml:"max_file_bytes" default:"40MiB" min:"1KiB" desc:"Largest picture file."`
	MaxBoxes     int             `yaml:"max_boxes" default:"5000" min:"1" desc:"Most boxes kept of one inference."`
	RetrainAfter int             `yaml:"retrain_after" default:"25" min:"0" desc:"Newly verified boxes after which the built-in classifier is trained again; 0 trains only on request."`
	Pipelines    VisionPipelines `yaml:"pipelines" desc:"Where pipelines are read from."`
	Nachet       Nachet          `yaml:"nachet" desc:"The door for the unmodified seed-classification front end."`
	Legacy       Legacy          `yaml:"legacy" desc:"An existing deployment of the original backend, as read by granary import nachet and never written to."`
}

// VisionPipelines says where pipelines come from.
type VisionPipelines struct {
	Files         []string `yaml:"files" desc:"Pipeline files (YAML or JSON, own or legacy form) that are read at start and on SIGHUP, besides the imported ones."`
	DecryptionKey string   `yaml:"decryption_key" secret:"true" desc:"Fernet key (32 bytes in base64url) for encrypted values in legacy pipeline files."`
}

// Nachet configures the nachet door.
type Nachet struct {
	Environment       string        `yaml:"environment" default:"production" enum:"production,local" desc:"local lets a caller name its e-mail in the body of /get-user-id, for development."`
	CORSOrigins       []string      `yaml:"cors_origins" desc:"Origins of the front end (scheme://host:port, exact) when it is not served from this address. \"*\" cannot be used, because cookies are sent."`
	Prefixes          []string      `yaml:"prefixes" default:"/,/api" desc:"Paths under which the door's routes are mounted."`
	FallbackEmail     string        `yaml:"fallback_email" desc:"Account that a caller without cookie becomes. Empty: refused. Default: example@gmail.com in the local environment, otherwise empty."`
	ProvisionUsers    bool          `yaml:"provision_users" default:"false" desc:"Create an account, with its General folder, for an e-mail seen for the first time."`
	RequireCookieUser bool          `yaml:"require_cookie_user" default:"false" desc:"Refuse a request whose user id is not the one of its cookie. For a front end served from the same origin. Without it knowing a user's id is enough, as in the original."`
	ModernStatus      bool          `yaml:"modern_status" default:"false" desc:"Answer failures with 401, 403, 404, 413, 429, 502 and 503 instead of 400 throughout; the bodies stay the same."`
	HealthMessage     string        `yaml:"health_message" default:"ok" desc:"Body of /health."`
	TestPipeline      bool          `yaml:"test_pipeline" default:"false" desc:"Serve /test, which answers with and adds a fixed test pipeline."`
	ValidExtensions   []string      `yaml:"valid_extensions" default:"jpeg,jpg,png,gif,bmp,tiff,webp" desc:"Picture types that /image-validation accepts."`
	ValidWidth        int           `yaml:"valid_width" default:"1920" min:"1" desc:"/image-validation refuses a picture that is both wider and higher than valid_width × valid_height."`
	ValidHeight       int           `yaml:"valid_height" default:"1080" min:"1" desc:"See valid_width."`
	MaxBodyBytes      Bytes         `yaml:"max_body_bytes" default:"16MiB" min:"1KiB" desc:"Largest request body at this door. A picture travels as base64, so a file of three quarters of it fits."`
	BodyBudgetBytes   Bytes         `yaml:"body_budget_bytes" default:"64MiB" min:"1MiB" desc:"Memory for request bodies that are worked on at once; further requests wait."`
	RequireValidator  bool          `yaml:"require_validator" default:"false" desc:"Let /inf refuse pictures that /image-validation has not seen."`
	DevUserEmail      string        `yaml:"dev_user_email" desc:"Account that receives archived pictures; /delete-with-archive needs it."`
	SeedDataURL       string        `yaml:"seed_data_url" desc:"Address below which seeds/all.json holds the seed fact sheets. Empty: only sheets imported with granary seeds import."`
	BatchExpiry       time.Duration `yaml:"batch_expiry" default:"24h" min:"1m" desc:"How long a batch session accepts pictures."`
	BatchMaxPictures  int           `yaml:"batch_max_pictures" default:"1000" min:"1" desc:"Most pictures that a batch session may announce."`
}

// Legacy names the stores of an existing deployment. Granary's own rows and
// blobs never go there.
type Legacy struct {
	DatabaseURL       string `yaml:"database_url" secret:"url" desc:"PostgreSQL address of the original tables."`
	Schema            string `yaml:"schema" desc:"Schema of the original tables, such as nachet_0.0.11."`
	ConnectionString  string `yaml:"connection_string" secret:"url" desc:"Azure storage connection string of the original containers."`
	PipelineContainer string `yaml:"pipeline_container" desc:"Container that holds the original pipeline files."`
	PipelineVersion   string `yaml:"pipeline_version" desc:"Version of the pipeline file to read: pipelines/VERSION.json."`
}
