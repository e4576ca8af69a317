package config

import "time"

// Config is the whole effective configuration. Load fills every field; the
// zero value is not usable.
type Config struct {
	Data      string     `yaml:"data" default:"./granary-data" desc:"Folder that holds everything Granary keeps on this machine: the SQLite database, the blobs and the key file, unless other keys move them. Created with mode 0700."`
	Services  []string   `yaml:"services" default:"vision,demos" enum:"vision,demos" desc:"The services to run."`
	Listen    string     `yaml:"listen" default:"127.0.0.1:8080" desc:"Address of the main listener, which serves every door. Addresses other than loopback are used only when somebody can be identified: see identity.allow_remote."`
	Listeners []Listener `yaml:"listeners" desc:"Further listeners, each with the doors it serves: address (required), doors (empty: all), prefix, tls."`
	Database  Database   `yaml:"database" desc:"Where the rows live."`
	Blob      Blob       `yaml:"blob" desc:"Where pictures, models and other files live."`
	Secrets   Secrets    `yaml:"secrets" desc:"The key that seals stored secrets, such as the access keys of model endpoints."`
	Web       Web        `yaml:"web" desc:"Listeners' limits and everything that all doors share."`
	Identity  Identity   `yaml:"identity" desc:"Who is calling: sessions, sign-in and the cookie of a proxy."`
	Telemetry Telemetry  `yaml:"telemetry" desc:"The log."`
	Jobs      Jobs       `yaml:"jobs" desc:"Background work."`
	Demos     Demos      `yaml:"demos" desc:"Queued jobs over image data sets."`
	Vision    Vision     `yaml:"vision" desc:"Pictures, pipelines and expert feedback."`
}

// Listener is one more address with chosen doors.
type Listener struct {
	Address string   `yaml:"address"`
	Doors   []string `yaml:"doors,omitempty"`
	// Prefix is put before every path of the doors, such as /lab; empty keeps
	// each door where it is on the main listener.
	Prefix string `yaml:"prefix,omitempty"`
	TLS    TLS    `yaml:"tls,omitempty"`
}

// TLS names the files of one listener's certificate. CertFile and KeyFile
// come together; without them the listener speaks plain HTTP.
type TLS struct {
	CertFile     string `yaml:"cert_file,omitempty" desc:"PEM file with the certificate chain. Empty: plain HTTP."`
	KeyFile      string `yaml:"key_file,omitempty" desc:"PEM file with the private key."`
	ClientCAFile string `yaml:"client_ca_file,omitempty" desc:"PEM file with the authorities of client certificates. When set, a client without a certificate of theirs is refused."`
}

// Enabled reports whether the listener speaks TLS.
func (t TLS) Enabled() bool { return t.CertFile != "" }

// Database says where the rows live.
type Database struct {
	URL      string `yaml:"url" secret:"url" desc:"sqlite:PATH or postgres://USER:PASSWORD@HOST/NAME?search_path=SCHEMA. SQLAlchemy-style schemes are accepted. Default: sqlite:granary.db in the data folder."`
	MaxConns int    `yaml:"max_conns" default:"8" min:"1" max:"1000" desc:"Most open connections (SQLite: readers)."`
}

// Blob says where files live.
type Blob struct {
	URL       string `yaml:"url" secret:"url" desc:"file:PATH, azblob://CONTAINER, s3://BUCKET?region=…, or an Azure storage connection string as it is. Default: file:blobs in the data folder."`
	Container string `yaml:"container" default:"granary" desc:"Container that is used, and created when absent, where blob.url is a connection string."`
}

// Secrets says where the sealing key is.
type Secrets struct {
	KeyFile string `yaml:"key_file" desc:"File with the sealing key, mode 0600, made at first use. Back it up apart from the data: without it sealed values cannot be read. Default: secret.key in the data folder."`
	Key     string `yaml:"key" secret:"true" desc:"The sealing key itself (32 bytes in base64), for machines without a safe disk. Wins over secrets.key_file."`
}

// Web bounds and describes HTTP.
type Web struct {
	PublicURL      string   `yaml:"public_url" desc:"Address under which browsers reach the console, such as https://lab.example.org. Makes cookies secure and links whole. Default: the address of the request."`
	TrustedProxies []string `yaml:"trusted_proxies" desc:"Addresses or networks (CIDR) of proxies whose X-Forwarded-For, -Proto, -Host and X-Request-Id are believed. From anybody else these headers are ignored."`
	TLS            TLS      `yaml:"tls" desc:"Certificate of the main listener."`
	CORSOrigins    []string `yaml:"cors_origins" desc:"Origins (scheme://host:port, exact) of other sites whose scripts may call the native API. The nachet door has vision.nachet.cors_origins."`

	MaxBodyBytes          Bytes         `yaml:"max_body_bytes" default:"64MiB" min:"1KiB" desc:"Largest request body; a larger one is answered 413."`
	MaxHeaderBytes        Bytes         `yaml:"max_header_bytes" default:"64KiB" min:"4KiB" max:"16MiB" desc:"Largest request header; a larger one is answered 431."`
	MaxConcurrentRequests int           `yaml:"max_concurrent_requests" default:"256" min:"1" desc:"Most requests at once; more are answered 503 with Retry-After."`
	RatePerSecond         float64       `yaml:"rate_per_second" default:"500" min:"0.1" desc:"Requests a second that one client (account, or address when nobody is signed in) may make for long; more are answered 429 with Retry-After."`
	RateBurst             int           `yaml:"rate_burst" default:"1000" min:"1" desc:"Requests that one client may make at once before rate_per_second counts."`
	HeaderTimeout         time.Duration `yaml:"header_timeout" default:"10s" min:"100ms" desc:"Longest time for a request's header to arrive."`
	BodyIdleTimeout       time.Duration `yaml:"body_idle_timeout" default:"30s" min:"100ms" desc:"Longest time without a byte while a body arrives."`
	IdleTimeout           time.Duration `yaml:"idle_timeout" default:"2m" min:"1s" desc:"How long an unused connection is kept."`
	DrainTimeout          time.Duration `yaml:"drain_timeout" default:"20s" min:"100ms" desc:"How long requests in flight may finish after SIGTERM."`
}

// Identity says how callers are recognised.
type Identity struct {
	SessionIdle     time.Duration `yaml:"session_idle" default:"12h" min:"1m" desc:"A console session ends after this time without a request."`
	SessionAbsolute time.Duration `yaml:"session_absolute" default:"168h" min:"1m" desc:"A console session ends this long after sign-in."`
	LoginPerMinute  int           `yaml:"login_per_minute" default:"10" min:"1" desc:"Sign-in attempts a minute per account and address; beyond it the delay grows."`
	AllowRemote     bool          `yaml:"allow_remote" default:"false" desc:"Use addresses other than loopback although nobody can sign in with a password and no vouch secret is set. Only for a network in which everybody may do everything."`
	Vouch           Vouch         `yaml:"vouch" desc:"The cookie of a vouch-proxy in front of the server."`
}

// Vouch describes the sign-in cookie of a proxy.
type Vouch struct {
	Secret          string `yaml:"secret" secret:"true" desc:"Secret that signs the cookie's token (HS256). When set, a cookie that does not verify is refused."`
	CookieName      string `yaml:"cookie_name" default:"jxVouchCookie" desc:"Name of the cookie; split cookies NAME_1of2 … are joined."`
	Issuer          string `yaml:"issuer" desc:"Issuer (iss) that the token must carry. Empty: any."`
	AllowUnverified bool   `yaml:"allow_unverified" default:"false" desc:"Believe the cookie without checking its signature, as the original backend does. Only behind a proxy that removes cookies which it did not set."`
}

// Telemetry configures the log.
type Telemetry struct {
	LogLevel  string `yaml:"log_level" default:"info" enum:"debug,info,warn,error" desc:"Least severe level that is written."`
	LogFormat string `yaml:"log_format" default:"auto" enum:"auto,text,json" desc:"auto writes text on a terminal and JSON otherwise."`
}

// Jobs configures background work.
type Jobs struct {
	Slots        int           `yaml:"slots" default:"2" min:"0" max:"1024" desc:"Jobs of one queue that this process runs at once. 0: a server runs none and leaves them to workers."`
	Queues       []string      `yaml:"queues" desc:"Queues whose jobs this process runs. Empty: all."`
	Listen       string        `yaml:"listen" desc:"Address at which a worker (granary worker) answers /healthz, /readyz, /version and /metrics. Empty: none."`
	DrainTimeout time.Duration `yaml:"drain_timeout" default:"10s" min:"100ms" desc:"How long running jobs may finish after SIGTERM before they go back to the queue."`
	CPUShares    int           `yaml:"cpu_shares" default:"0" min:"0" max:"4096" desc:"Jobs without a GPU that this process runs at once over all queues; 0 is no limit but each queue's own."`
	QueueSlots   []string      `yaml:"queue_slots" desc:"Slots of single queues, QUEUE=N; with 1 a queue runs one job after another."`
	Weights      []string      `yaml:"weights" desc:"Shares of queues where more jobs are due than cpu_shares or devices allow, QUEUE=N. Default: 1 each."`
	Devices      []string      `yaml:"devices" desc:"Indices of the GPUs that jobs may use, such as 0,1; each runs one job at a time. Empty: jobs that need a GPU wait for a process that has one."`
	MaxWaiting   int           `yaml:"max_waiting" default:"10000" min:"1" desc:"Most jobs that wait in one queue; what would add another is answered 503."`
	Retention    time.Duration `yaml:"retention" default:"720h" min:"1h" desc:"How long finished jobs stay listed."`
	KeepFinished int           `yaml:"keep_finished" default:"10000" min:"1" desc:"Most finished jobs that stay listed."`
}
