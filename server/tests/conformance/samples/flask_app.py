from flask import Flask, request, jsonify
from vocafuse import Client, AccessToken, RequestValidator
import os

app = Flask(__name__)

client = Client(
    api_key=os.environ['VOCAFUSE_API_KEY'],
    api_secret=os.environ['VOCAFUSE_API_SECRET']
)

# Generate tokens for client authentication
@app.route('/api/vocafuse-token', methods=['POST'])
def generate_token():
    user_id = get_current_user()

    token = AccessToken(
        api_key=os.environ['VOCAFUSE_API_KEY'],
        api_secret=os.environ['VOCAFUSE_API_SECRET'],
        identity=str(user_id)
    )

    return jsonify(token(expires_in=3600))

# Handle webhook notifications
@app.route('/api/webhooks/vocafuse', methods=['POST'])
def handle_webhook():
    validator = RequestValidator(os.environ['VOCAFUSE_WEBHOOK_SECRET'])

    payload = request.get_data(as_text=True)
    signature = request.headers.get('X-VocaFuse-Signature')

    if not validator.validate(payload, signature):
        return jsonify({'error': 'Invalid signature'}), 401

    data = request.get_json()

    if data['event'] == 'voicenote.transcribed':
        voicenote_id = data['voicenote']['id']
        transcription = client.voicenotes(voicenote_id).transcription.get()
        # Process transcription...

    return jsonify({'status': 'received'}), 200
