package jobs

// Rate is how many jobs of one queue came to their end within some time,
// whichever it was.
type Rate struct {
	Queue    string `json:"queue"`
	Finished int64  `json:"finished"`
}
