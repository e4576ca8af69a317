package cloud

import (
	"context"
	"encoding/base64"
	"fmt"
	"iter"
	"net/http"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
	"gocloud.dev/blob/azureblob"

	"granary/internal/platform/fault"
)

// developmentStorage is what UseDevelopmentStorage=true stands for: the
// published account and key of the storage emulator ("Use the Azurite emulator
// for local Azure Storage development", Microsoft Learn).
const developmentStorage = "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;" +
	"AccountKey=Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==;" +
	"BlobEndpoint=http://127.0.0.1:10000/devstoreaccount1;"

// IsConnectionString reports whether s looks like an Azure storage connection
// string rather than a URL.
func IsConnectionString(s string) bool {
	for part := range strings.SplitSeq(s, ";") {
		switch name, _, ok := strings.Cut(part, "="); strings.ToLower(strings.TrimSpace(name)) {
		case "accountname", "blobendpoint", "usedevelopmentstorage", "defaultendpointsprotocol":
			return ok
		}
	}
	return false
}

// endpoint is a connection string taken apart.
type endpoint struct {
	url, account, key string
}

// parseConnectionString reads the parts that concern blobs and ignores those
// of files, queues and tables. Errors never quote the text, which holds a key.
func parseConnectionString(s string) (endpoint, error) {
	parts := map[string]string{}
	for part := range strings.SplitSeq(s, ";") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		name, value, ok := strings.Cut(part, "=")
		if !ok {
			return endpoint{}, fault.New(fault.Invalid, "azure connection string has a part without =")
		}
		parts[strings.ToLower(name)] = value
	}
	if strings.EqualFold(parts["usedevelopmentstorage"], "true") {
		return parseConnectionString(developmentStorage)
	}
	e := endpoint{account: parts["accountname"], key: parts["accountkey"], url: strings.TrimSuffix(parts["blobendpoint"], "/")}
	signature := strings.TrimPrefix(parts["sharedaccesssignature"], "?")
	if e.url == "" {
		if e.account == "" {
			return endpoint{}, fault.New(fault.Invalid, "azure connection string names neither AccountName nor BlobEndpoint")
		}
		protocol, suffix := parts["defaultendpointsprotocol"], parts["endpointsuffix"]
		if protocol == "" {
			protocol = "https"
		}
		if suffix == "" {
			suffix = "core.windows.net"
		}
		e.url = protocol + "://" + e.account + ".blob." + suffix
	}
	if !strings.HasPrefix(e.url, "https://") && !strings.HasPrefix(e.url, "http://") {
		return endpoint{}, fault.New(fault.Invalid, "azure connection string has a BlobEndpoint that is not http or https")
	}
	switch {
	case e.key != "":
		if _, err := base64.StdEncoding.DecodeString(e.key); err != nil || e.account == "" {
			return endpoint{}, fault.New(fault.Invalid, "azure connection string has an AccountKey that is not base64, or no AccountName")
		}
	case signature != "":
		e.url += "?" + signature
	default:
		return endpoint{}, fault.New(fault.Invalid, "azure connection string has neither AccountKey nor SharedAccessSignature")
	}
	return e, nil
}

// Account is an Azure storage account.
type Account struct{ client *azblob.Client }

// OpenAccount reads a connection string; it does not call the account.
func OpenAccount(connectionString string) (*Account, error) {
	e, err := parseConnectionString(connectionString)
	if err != nil {
		return nil, err
	}
	options := &azblob.ClientOptions{ClientOptions: azcore.ClientOptions{
		Transport: transport(),
		Retry:     policy.RetryOptions{MaxRetries: 3},
		Telemetry: policy.TelemetryOptions{ApplicationID: "granary"},
	}}
	var client *azblob.Client
	if e.key == "" {
		client, err = azblob.NewClientWithNoCredential(e.url, options)
	} else {
		var credential *azblob.SharedKeyCredential
		if credential, err = azblob.NewSharedKeyCredential(e.account, e.key); err == nil {
			client, err = azblob.NewClientWithSharedKeyCredential(e.url, credential, options)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("open azure account: %w", err)
	}
	return &Account{client}, nil
}

// Container returns one container of the account; it is not created.
func (a *Account) Container(ctx context.Context, name string) (*Bucket, error) {
	remote, err := azureblob.OpenBucket(ctx, a.client.ServiceClient().NewContainerClient(name), nil)
	if err != nil {
		return nil, fmt.Errorf("open container: %w", err)
	}
	return &Bucket{remote}, nil
}

func (a *Account) create(ctx context.Context, name string) error {
	// Asked first: an account's signature may allow everything but creation.
	client := a.client.ServiceClient().NewContainerClient(name)
	_, err := client.GetProperties(ctx, nil)
	if bloberror.HasCode(err, bloberror.ContainerNotFound, bloberror.ResourceNotFound) {
		_, err = client.Create(ctx, nil)
	}
	if err != nil && !bloberror.HasCode(err, bloberror.ContainerAlreadyExists) {
		return fmt.Errorf("create container %s: %w", name, err)
	}
	return nil
}

// Containers yields the names of the account's containers that begin with
// prefix, in order. An error ends the sequence.
func (a *Account) Containers(ctx context.Context, prefix string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		pager := a.client.NewListContainersPager(&azblob.ListContainersOptions{Prefix: &prefix})
		for pager.More() {
			page, err := pager.NextPage(ctx)
			if err != nil {
				yield("", fmt.Errorf("list containers: %w", err))
				return
			}
			for _, item := range page.ContainerItems {
				if item.Name != nil && !yield(*item.Name, nil) {
					return
				}
			}
		}
	}
}

var _ policy.Transporter = (*http.Client)(nil)
