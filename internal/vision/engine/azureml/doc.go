// Package azureml is the engine for models behind Azure ML style scoring
// endpoints, as the nachet specification, section 4.3, describes the calls.
//
//	Detect    POST {"input_data":{"columns":["image"],"index":[0],"data":[base64]}}
//	          ◄── {"boxes":[…]} or a list of one such object
//	Classify  POST base64 text of the crop's file
//	          ◄── [{"label","score"}, …], best first
//
// Connections, repeats and limits are package remote's.
package azureml
